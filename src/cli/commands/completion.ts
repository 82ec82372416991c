import { Argument, type Command } from "commander";
import type { Io } from "../io.ts";
import { addCommands, createProgram } from "../program.ts";

/** Adds `completion`. */
export function addCompletion(program: Command, io: Io): void {
  program
    .command("completion")
    .addArgument(new Argument("<SHELL>", "the shell").choices(["bash", "zsh"]))
    .description("Print a completion script.")
    .addHelpText("after", '\nExamples:\n  source <(aos completion bash)\n  aos completion zsh > "${fpath[1]}/_aos"')
    .action(async (shell: string) => {
      const whole = createProgram(io);
      await addCommands(whole, io, () => true);
      for (const line of shell === "bash" ? bash(whole) : zsh(whole)) io.out(line);
    });
}

/** The words that may follow a path of commands: further commands, and options. */
function wordsOf(command: Command, common: readonly string[]): readonly string[] {
  const own = command.options.filter((option) => !option.hidden).flatMap(({ long }) => (typeof long === "string" ? [long] : []));
  return [...command.commands.map((sub) => sub.name()), ...own, ...common, "--help"];
}

function* paths(program: Command): Generator<readonly [path: string, words: readonly string[]]> {
  const common = program.options.filter((option) => !option.hidden).flatMap(({ long }) => (typeof long === "string" ? [long] : []));
  yield ["", wordsOf(program, [])];
  for (const command of program.commands) {
    yield [command.name(), wordsOf(command, common)];
    for (const sub of command.commands) yield [`${command.name()} ${sub.name()}`, wordsOf(sub, common)];
  }
}

function bash(program: Command): readonly string[] {
  const cases = [...paths(program)].map(([path, words]) => `    ${JSON.stringify(path)}) words=${JSON.stringify(words.join(" "))} ;;`);
  return [
    "_aos() {",
    `  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" word`,
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    `    case "$word" in -*|*/*|\\{*) continue ;; esac`,
    `    case "$path" in *" "*) break ;; "") path="$word" ;; *) path="$path $word" ;; esac`,
    "  done",
    `  while :; do`,
    `    case "$path" in`,
    ...cases.map((line) => `  ${line}`),
    "    esac",
    `    if [ -n "$words" ] || [ -z "$path" ]; then break; fi`,
    `    case "$path" in *" "*) path="\${path% *}" ;; *) path="" ;; esac`,
    "  done",
    `  case "$current" in`,
    `    */*|./*) COMPREPLY=($(compgen -f -- "$current")) ;;`,
    `    *) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;`,
    "  esac",
    "}",
    "complete -o default -F _aos aos aosjs",
  ];
}

/** zsh reads bash's own completions. */
function zsh(program: Command): readonly string[] {
  return ["#compdef aos aosjs", "autoload -U +X bashcompinit && bashcompinit", ...bash(program)];
}

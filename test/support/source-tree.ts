/** Reads the repository as text: its files, its imports, its units. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** An import as written: a file, and what it names (a path in the repository, or a module specifier). */
export interface Import {
  readonly from: string;
  readonly to: string;
}

/** The files of `src` that are shipped, in order of their paths. */
export const sources = globSync("src/**/*.ts", { exclude: ["**/*.test.ts"] }).toSorted();

/** Every text file of the repository, as far as names tell; data folders and build outputs are left out. */
export const everything = globSync(["*.*", ".*rc*", ".gitignore", ".ci/*", "{src,test,bench,examples,scripts,bin,docs}/**/*"], {
  withFileTypes: true,
})
  .filter((entry) => entry.isFile() && !/\.(?:tgz|png|cpuprofile|heapsnapshot)$/.test(entry.name))
  .map((entry) => normalize(join(entry.parentPath, entry.name)))
  .toSorted();

/** The text of a file. */
export function text(file: string): string {
  return readFileSync(file, "utf8");
}

/** The text of a file without its comments, so that a rule about code does not forbid talking about it. */
export function code(file: string): string {
  return text(file)
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/(?<=^|\s)\/\/.*$/gm, "");
}

/** The first folder below `src`; `.` for a file that lies in `src` itself. */
export function layer(file: string): string {
  return folders(file)[0] ?? ".";
}

/** The service or vendor that a file of `services` or `adapters` belongs to. */
export function member(file: string): string {
  return folders(file)[1] ?? ".";
}

/** Every import of the shipped sources, of types too. */
export const imports: readonly Import[] = sources.flatMap((from) =>
  [...code(from).matchAll(/(?:\bfrom|\bimport\(|^import)\s*["']([^"']+)["']/gm)].map((match) => {
    const specifier = match[1] ?? "";
    return {
      from,
      to: specifier.startsWith(".") ? normalize(join(dirname(from), specifier)) : specifier,
    };
  }),
);

/** Imports of files in `src`. */
export const internal = imports.filter(({ to }) => to.startsWith("src/"));

/** The npm package or Node module that an import names: `hono/sse` is of `hono`, `node:fs/promises` of `node:fs`. */
export function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** The packages that the lockfile's packages ask for and that it does not hold: `npm ci` would refuse it. */
export function unlocked(): readonly string[] {
  const { packages }: Lockfile = JSON.parse(text("package-lock.json"));
  return Object.entries(packages).flatMap(([path, entry]) => {
    const wanted = Object.keys({ ...entry.dependencies, ...entry.optionalDependencies });
    // Node's look-up: beside the package, then in each folder above it.
    const parts = path.split("/node_modules/");
    const places = parts.map((_, at) => `${parts.slice(0, at + 1).join("/node_modules/")}/node_modules/`);
    return wanted.filter((name) => !["node_modules/", ...places].some((place) => `${place}${name}` in packages));
  });
}

interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The door that an import has to use: the index of the outermost unit that holds the target and not the importer. */
export function door({ from, to }: Import): string | undefined {
  const path = to.split("/").slice(0, -1);
  const units = path.map((_, at) => path.slice(0, at + 1).join("/"));
  const outermost = units.find((unit) => unit !== "src" && !from.startsWith(`${unit}/`) && existsSync(`${unit}/index.ts`));
  return outermost === undefined ? undefined : `${outermost}/index.ts`;
}

function folders(file: string): readonly string[] {
  return dirname(file).split("/").slice(1);
}

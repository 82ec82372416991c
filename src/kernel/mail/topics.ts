import { AosError } from "../errors.ts";

/** The event under which a subscription to all events of a topic gets each: its data is {topic, type, data, id}. */
export const TOPIC_MESSAGE = "aos.topic.message";

const WORD = /^[A-Za-z0-9_-]+$/;
const TOPIC_MAX = 200;

/** @throws AosError USAGE where a topic is not 1–200 characters of words joined by dots. */
export function checkTopic(topic: string): void {
  if (topic.length > TOPIC_MAX || !topic.split(".").every((word) => WORD.test(word))) {
    throw new AosError("USAGE", `topic "${topic.slice(0, 80)}" is not words of A-Z a-z 0-9 _ - joined by dots`);
  }
}

/** @throws AosError USAGE where a pattern is malformed: `*` is one word, `>` one or more at the end. */
export function checkPattern(pattern: string): void {
  const words = pattern.split(".");
  const isFine =
    pattern.length <= TOPIC_MAX && words.every((word, at) => WORD.test(word) || word === "*" || (word === ">" && at === words.length - 1));
  if (!isFine) throw new AosError("USAGE", `topic pattern "${pattern.slice(0, 80)}" is malformed: * is one word, > the rest`);
}

/** Whether a pattern takes a topic. */
export function matchesTopic(pattern: string, topic: string): boolean {
  const wanted = pattern.split(".");
  const words = topic.split(".");
  for (const [at, word] of wanted.entries()) {
    if (word === ">") return words.length > at;
    if (at >= words.length || (word !== "*" && word !== words[at])) return false;
  }
  return wanted.length === words.length;
}

/** Whether a payload satisfies a content filter: equality on dotted paths, all of them. */
export function matchesFilter(filter: string | undefined, data: unknown): boolean {
  if (filter === undefined) return true;
  return Object.entries(JSON.parse(filter) as Record<string, unknown>).every(([path, wanted]) => {
    let value: unknown = data;
    for (const key of path.split(".")) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return false;
      value = (value as Record<string, unknown>)[key];
    }
    return value === wanted;
  });
}

import { AosError, type AosErrorCode } from "../errors.ts";

/** A Standard Schema v1: zod, valibot, arktype and others are one. @see https://standardschema.dev */
export interface StandardSchema<I = unknown, O = I> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<O> | Promise<StandardResult<O>>;
    readonly types?: { readonly input: I; readonly output: O } | undefined;
  };
}

/** What a Standard Schema answers. */
export type StandardResult<O> = { readonly value: O; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

/** One fault that a schema found. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema gives after validation. */
export type Output<S> = S extends {
  readonly "~standard": { readonly types?: { readonly output: infer O } | undefined };
}
  ? O
  : never;

/** What a schema takes before validation. */
export type Input<S> = S extends {
  readonly "~standard": { readonly types?: { readonly input: infer I } | undefined };
}
  ? I
  : never;

/** A fault with its path as a JSON Pointer (RFC 6901). */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** A schema that accepts whatever JSON gives; for payloads that somebody else defines. */
export function anything<T = unknown>(): StandardSchema<T, T> {
  return {
    "~standard": { version: 1, vendor: "aos", validate: (value) => ({ value: value as T }) },
  };
}

function pointer(path: SchemaIssue["path"]): string {
  return (path ?? [])
    .map((part) => String(typeof part === "object" ? part.key : part))
    .map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

const ISSUES_MAX = 32;

function settle<O>(result: StandardResult<O>, what: string, code: AosErrorCode): O {
  if (result.issues === undefined) return result.value;
  const faults: Fault[] = result.issues.slice(0, ISSUES_MAX).map((issue) => ({ path: pointer(issue.path), message: issue.message }));
  const first = faults[0];
  throw new AosError(code, `${what} is invalid${first ? ` at ${first.path || "/"}: ${first.message}` : ""}`, { details: { faults } });
}

/**
 * Validates a value; answers synchronously where the schema does.
 * @throws AosError with `code`, its `details.faults` a list of {path, message}; at most 32.
 */
export function validate<O>(
  schema: StandardSchema<unknown, O>,
  value: unknown,
  what: string,
  code: AosErrorCode = "PAYLOAD_INVALID",
): O | Promise<O> {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then((late) => settle(late, what, code)) : settle(result, what, code);
}

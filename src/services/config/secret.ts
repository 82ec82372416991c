/** A secret as a handle: whoever needs it calls `reveal`; text, JSON and logs see only a placeholder. */
export class Secret {
  readonly #text: string;

  constructor(secretText: string) {
    this.#text = secretText;
  }

  /** The secret itself, for the one call that needs it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}

/** What a file reader finds: its text, and its POSIX permission bits where the platform has them. */
export interface SecretFile {
  readonly text: string;
  readonly mode?: number | undefined;
}

/** The doors through which references to secrets are followed; each answers `undefined` where there is nothing. */
export interface SecretReaders {
  readonly variable?: ((name: string) => string | undefined) | undefined;
  readonly file?: ((path: string) => SecretFile | undefined) | undefined;
}

/** Whether a text refers to a secret instead of being one. */
export function isReference(raw: string): boolean {
  return raw.startsWith("env:") || raw.startsWith("file:");
}

/** Follows a reference, or takes a text that is none for the secret itself; `problem` says in words why there is no secret. */
export function resolveSecret(raw: string, readers: SecretReaders): { readonly secret: Secret } | { readonly problem: string } {
  if (raw.startsWith("env:")) {
    const name = raw.slice("env:".length);
    const found = readers.variable?.(name);
    if (found === undefined || found === "") {
      return { problem: `refers to the environment variable ${name}, which is not set` };
    }
    return { secret: new Secret(found) };
  }
  if (raw.startsWith("file:")) return fromFile(raw.slice("file:".length), readers);
  return { secret: new Secret(raw) };
}

/** Writes a connection string or URL with its passwords, keys and signatures left out. */
export function redactConnection(connection: string): string {
  return connection
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#]*?)(?::[^/?#]*)?@/i, "$1:[secret]@")
    .replace(/\b(AccountKey|SharedAccessKey|SharedAccessSignature|password|pwd|sig)=[^;&]*/gi, "$1=[secret]");
}

function fromFile(path: string, readers: SecretReaders): { readonly secret: Secret } | { readonly problem: string } {
  if (!/^(?:\/|[A-Za-z]:[\\/])/.test(path)) {
    return { problem: "refers to a file by a relative path; write file: and an absolute path" };
  }
  const found = readers.file?.(path);
  if (found === undefined) return { problem: `refers to the file ${path}, which cannot be read` };
  if (found.mode !== undefined && (found.mode & 0o077) !== 0) {
    return { problem: `refers to the file ${path}, which others may read; run chmod 600 on it` };
  }
  const line = found.text.replace(/\r?\n$/, "");
  if (line === "") return { problem: `refers to the file ${path}, which is empty` };
  return { secret: new Secret(line) };
}

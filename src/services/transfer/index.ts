/**
 * Files that carry one agent from system to system. In: an agent's content, or the bytes of a file, and an Ed25519 key. Out: a signed text of
 * the format `aos-export/1`, or content whose every byte was checked. It never opens a file or a store, and never shows a private key.
 */
export { EXPORT_BYTES_MAX, type ExportHeader, openExport, type OpenedExport, openHeader, releaseLine, sealExport } from "./export-file.ts";
export { newSigningKey, readSigningKey, type SigningKey } from "./signing-key.ts";

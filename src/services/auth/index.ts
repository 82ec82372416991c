/**
 * Who calls: API keys, and the credentials that the system is given or makes at its start. In: a request's Authorization header; orders to create
 * or revoke a key. Out: a principal with tenant and scopes, or UNAUTHENTICATED. It never stores or shows a secret after it was made; only hashes go
 * into the ledger.
 */
export { ApiKeys, type ApiKeyInfo, type ApiKeysOptions, type NewApiKey } from "./api-keys.ts";
export { CachedAuthenticator, type GivenCredential } from "./authenticator.ts";
export { type Principal, type Scope, SCOPES } from "./principal.ts";
export { newToken } from "./token.ts";

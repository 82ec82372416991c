import { ledgerConformance } from "./ledger-conformance.ts";
import { MemoryLedger } from "./memory-ledger.ts";

ledgerConformance(async () => new MemoryLedger(), "memory ledger");

import { checkContract } from "./check.ts";
import type { Contract } from "./contract.ts";
import type { Handlers } from "./context.ts";

/** What `define` returns: a base class that knows its contract. */
export interface Defined<C extends Contract> {
  readonly contract: C;
  new (): PurposeDrivenAgent & { handle(handlers: Handlers<C>): Handlers<C> };
}

/**
 * The base of every agent. Extend `PurposeDrivenAgent.define({...})` and give it
 * `readonly handlers = this.handle({...})`. One object per type and process serves all agents of the type,
 * so whatever must be remembered belongs into `ctx.state`.
 */
export abstract class PurposeDrivenAgent {
  /**
   * Makes a base class from a contract.
   * @throws AosError CONTRACT_INVALID naming the part that is wrong.
   */
  static define<const C extends Contract>(contract: C): Defined<C> {
    checkContract(contract);
    class Base extends PurposeDrivenAgent {
      static readonly contract: C = contract;
      handle(handlers: Handlers<C>): Handlers<C> {
        return handlers;
      }
    }
    return Base;
  }
}

import {
  AosError,
  anything,
  event,
  type Kernel,
  type LoadableAgent,
  ParkSignal,
  PurposeDrivenAgent,
  type ReceivedEvent,
  state,
} from "../kernel/index.ts";
import { DEFAULT_TENANT, TOPIC_MESSAGE } from "../kernel/index.ts";

/** A message as a topic's handler sees it. */
export interface TopicMessage<T = unknown> {
  readonly topic: string;
  /** The event's name. */
  readonly type: string;
  readonly data: T;
  /** The same for every delivery of one publication. */
  readonly id: string;
}

/** Handles a topic's messages: at least once, with retries and then a dead letter. */
export type TopicHandler = (message: TopicMessage) => void | Promise<void>;

const Message = event(TOPIC_MESSAGE, anything<TopicMessage>());
const NAME = /^[A-Za-z0-9._~-]{1,100}$/;

/** The condition of messages whose function is not in this process. */
const functionOf = (name: string): string => `function ${name}`;

/** Makes the type behind subscriptions by function: each subscription is an agent, so that it is durable like one. */
export function subscriberType(handlers: ReadonlyMap<string, TopicHandler>): LoadableAgent {
  return class Subscriber extends PurposeDrivenAgent.define({
    type: "aos-subscriber",
    purpose: "Hands a topic's messages to a function",
    state: state(1, anything<Record<string, never>>(), { initial: () => ({}) }),
    on: { message: Message },
  }) {
    readonly handlers = this.handle({
      message: async (ctx, e: ReceivedEvent<TopicMessage>) => {
        const handler = handlers.get(ctx.self.id);
        if (handler === undefined) {
          throw new ParkSignal({ kind: "code-missing", on: functionOf(ctx.self.id) });
        }
        await handler(e.data);
      },
    });
  };
}

/** Topics, by the seed's own verbs. */
export class MessageBus {
  readonly #kernel: Kernel;
  readonly #handlers: Map<string, TopicHandler>;

  readonly #begin: () => Promise<void>;

  /** `begin` is called before the first subscription: from then on there is something to run. */
  constructor(kernel: Kernel, handlers: Map<string, TopicHandler>, begin: () => Promise<void>) {
    this.#begin = begin;
    this.#kernel = kernel;
    this.#handlers = handlers;
  }

  /** Publishes a message; its event name is the topic unless given. Resolves once it is in every subscriber's mailbox. */
  async publish(
    topic: string,
    data: unknown,
    options: { readonly type?: string; readonly key?: string; readonly source?: string; readonly tenant?: string } = {},
  ): Promise<{ readonly id: string; readonly receivers: number }> {
    const { id, receivers } = await this.#kernel.publish(options.tenant ?? DEFAULT_TENANT, topic, {
      name: options.type ?? topic,
      data,
      key: options.key,
      source: options.source,
    });
    return { id, receivers };
  }

  /**
   * Subscribes a function. The subscription outlives the process: what is published while no function is there waits
   * for the next `subscribe` under the same name. `name` is the pattern's own text unless given.
   */
  async subscribe(
    pattern: string,
    handler: TopicHandler,
    options: { readonly name?: string } = {},
  ): Promise<{ readonly name: string; unsubscribe(): Promise<void> }> {
    const name = options.name ?? pattern.replaceAll("*", "~any").replaceAll(">", "~rest");
    if (!NAME.test(name)) throw new AosError("USAGE", `a subscription's name is 1–100 of A-Z a-z 0-9 . _ ~ -, not "${name.slice(0, 80)}"`);
    this.#handlers.set(name, handler);
    const { address } = await this.#kernel.register("aos-subscriber", { id: name });
    await this.#kernel.subscribe(address, pattern, "*");
    await this.#begin();
    await this.#kernel.wake(address);
    // What came while no function was there goes on; turns that began before are parked by now.
    await this.#kernel.release("code-missing", functionOf(name));
    return {
      name,
      unsubscribe: async () => {
        this.#handlers.delete(name);
        await this.#kernel.unsubscribe(address, pattern);
      },
    };
  }
}

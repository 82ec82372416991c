import { describeApi } from "./openapi.ts";
import { pageRoutes } from "./page.ts";
import { ok, type Route, route } from "./route.ts";
import { agentRoutes } from "./routes/agents.ts";
import { messageRoutes } from "./routes/messages.ts";
import { settlingRoutes } from "./routes/settling.ts";
import { upkeepRoutes } from "./routes/upkeep.ts";
import { timelineRoutes } from "./routes/timeline.ts";
import { transferRoutes } from "./routes/transfers.ts";
import { upgradeRoutes } from "./routes/upgrades.ts";
import { clockRoute, watchingRoutes } from "./routes/watching.ts";

/** Every route of a server: the one table from which they are registered and described. */
export function routeTable(options: { readonly version: string; readonly hasTestClock: boolean }): readonly Route[] {
  const rows = [
    ...agentRoutes,
    ...messageRoutes,
    ...settlingRoutes,
    ...watchingRoutes,
    ...upkeepRoutes,
    ...upgradeRoutes,
    ...timelineRoutes,
    ...transferRoutes,
    ...(options.hasTestClock ? [clockRoute] : []),
  ];
  let description: unknown;
  const self: Route = route({
    method: "GET",
    path: "/openapi.json",
    scope: "read",
    summary: "This description",
    answers: { 200: { description: "OpenAPI 3.1" } },
    handle: () => ok((description ??= describeApi([...rows, self], options.version))),
  });
  return [...rows, self, ...pageRoutes()];
}

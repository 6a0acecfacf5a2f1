// Runs for the seconds between the birth of the class and the first version that is Python: it has the class, and answers nobody.
import { DurableObject } from "cloudflare:workers";

export class FactoryObject extends DurableObject {}

export default {
  fetch: () => new Response("not yet", { status: 503, headers: { "retry-after": "60" } }),
};

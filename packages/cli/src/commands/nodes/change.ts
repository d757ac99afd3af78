import { Command, InvalidArgumentError } from "commander";
import { type NodeRow, withNodeTable } from "../../tables/node-table.ts";
import { printNode } from "./show.ts";

type Place = Partial<Pick<NodeRow, "country" | "region" | "city" | "lat" | "lng">>;

/** `fiber nodes rename|place|deactivate|activate|delete`: each is published to probe.nodes. */
export const nodesChangeCommands = (): Command[] => [
  changing("rename", "give a node a name, or remove it again")
    .argument("[name]", "the new name; without it the one of its registration shows again")
    .action((nodeId: string, name: string | undefined, { json }: Json) =>
      change(nodeId, { display_name: name ?? null }, json),
    ),
  changing("place", "set where a node stands")
    .option("--country <code>", "ISO 3166-1, two capital letters", country)
    .option("--region <name>", "as its owner names regions")
    .option("--city <name>", "city")
    .option("--lat <degrees>", "degrees north, WGS 84", degrees(90))
    .option("--lng <degrees>", "degrees east, WGS 84", degrees(180))
    .action((nodeId: string, { json, ...place }: Json & Place) => {
      if (Object.keys(place).length === 0) {
        throw new Error("say where: --country, --region, --city, --lat or --lng");
      }
      return change(nodeId, place, json);
    }),
  changing("deactivate", "mark a node as inactive; its events are still accepted").action(
    (nodeId: string, { json }: Json) => change(nodeId, { status: "inactive" }, json),
  ),
  changing("activate", "mark a node as reporting again").action((nodeId: string, { json }: Json) =>
    change(nodeId, { status: "reporting" }, json),
  ),
  changing(
    "delete",
    "mark a node as deleted; its metrics stay, and its events are still accepted",
  ).action((nodeId: string, { json }: Json) => change(nodeId, { status: "deleted" }, json)),
];

type Json = { readonly json: boolean };

const changing = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .argument("<node-id>")
    .option("--json", "print the node as JSON", false);

async function change(nodeId: string, values: Partial<NodeRow>, json: boolean): Promise<void> {
  printNode(await withNodeTable((table) => table.change(nodeId, values)), json);
}

function country(text: string): string {
  if (/^[A-Z]{2}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be two capital letters, such as GH.");
}

const degrees = (most: number) => (text: string) => {
  const value = Number(text);
  if (text.trim() !== "" && Math.abs(value) <= most) return value;
  throw new InvalidArgumentError(`It must be a number from -${most} to ${most}.`);
};

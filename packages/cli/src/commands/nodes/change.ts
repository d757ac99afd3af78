import { Command, InvalidArgumentError } from "commander";
import { type NodeRow, withNodeTable } from "../../tables/node-table.ts";
import { examples } from "../../options/examples.ts";
import { printNode } from "./show.ts";

type Location = Partial<Pick<NodeRow, "country" | "region" | "city" | "lat" | "lng">>;

/** `fiber nodes rename|place|deactivate|activate|delete`: the processor publishes each change to probe.nodes. */
export const nodesChangeCommands = (): Command[] => [
  changing(
    "rename",
    "nodes rename probe-accra-01 'Accra airport'",
    "set or remove the display name of a node",
  )
    .argument("[name]", "the new name; without it, the name from its registration is used again")
    .action((nodeId: string, name: string | undefined, { json }: Json) =>
      change(nodeId, { display_name: name ?? null }, json),
    ),
  changing(
    "place",
    "nodes place probe-accra-01 --country GH --city Accra",
    "set the location of a node",
  )
    .option("--country <code>", "ISO 3166-1, two capital letters", country)
    .option("--region <name>", "name of the region")
    .option("--city <name>", "city")
    .option("--lat <degrees>", "degrees north, WGS 84", degrees(90))
    .option("--lng <degrees>", "degrees east, WGS 84", degrees(180))
    .action((nodeId: string, { json, ...place }: Json & Location) => {
      if (Object.keys(place).length === 0) {
        throw new Error("give at least one of --country, --region, --city, --lat, --lng");
      }
      return change(nodeId, place, json);
    }),
  changing(
    "deactivate",
    "nodes deactivate probe-accra-01",
    "mark a node as inactive; its events are still accepted",
  ).action((nodeId: string, { json }: Json) => change(nodeId, { status: "inactive" }, json)),
  changing("activate", "nodes activate probe-accra-01", "mark a node as reporting again").action(
    (nodeId: string, { json }: Json) => change(nodeId, { status: "reporting" }, json),
  ),
  changing(
    "delete",
    "nodes delete probe-accra-01",
    "mark a node as deleted; its metrics stay, and its events are still accepted",
  ).action((nodeId: string, { json }: Json) => change(nodeId, { status: "deleted" }, json)),
];

type Json = { readonly json: boolean };

const changing = (name: string, example: string, description: string): Command =>
  new Command(name)
    .description(description)
    .argument("<node-id>")
    .option("--json", "print the node as JSON", false)
    .addHelpText("after", examples(example));

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

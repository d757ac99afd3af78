import { Command } from "commander";
import { createKeyTable, type KeyTable } from "../key-table.ts";
import { withPool } from "../with-pool.ts";
import { keysChangeCommand } from "./keys-change.ts";
import { keysCreateCommand } from "./keys-create.ts";
import { keysLimitCommand } from "./keys-limit.ts";
import { keysListCommand } from "./keys-list.ts";
import { keysRevokeCommand } from "./keys-revoke.ts";
import { keysRotateCommand } from "./keys-rotate.ts";

/** Runs `work` with the table at DATABASE_URL. */
export type WithKeyTable = <T>(work: (table: KeyTable) => Promise<T>) => Promise<T>;

const withKeyTable: WithKeyTable = (work) => withPool((pool) => work(createKeyTable(pool)));

/** `fiber keys …`: who may send events. */
export const keysCommand = (): Command =>
  new Command("keys")
    .description("who may send events, in the database at DATABASE_URL")
    .addCommand(keysCreateCommand(withKeyTable))
    .addCommand(keysListCommand(withKeyTable))
    .addCommand(keysChangeCommand(withKeyTable))
    .addCommand(keysLimitCommand())
    .addCommand(keysRotateCommand(withKeyTable))
    .addCommand(keysRevokeCommand(withKeyTable));

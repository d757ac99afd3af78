import type { Life } from "@fiberstream/runtime/life";
import { ownIdentity } from "@fiberstream/local-stack/native/process-identity";
import { createSupervisedProcess, type SupervisedProcess } from "./supervised-process.ts";
import { removeRun, type Run, writeRun } from "./state-files.ts";

export type Supervisor = {
  /** Supervises a backing service or service. They are stopped in the reverse order of these calls. */
  add: (
    definition: Omit<Parameters<typeof createSupervisedProcess>[0], "say" | "onChange">,
  ) => SupervisedProcess;
  become: (state: Run["state"]) => void;
};

/** Creates a supervisor. It keeps the state file for other commands up to date, and removes it at the end. */
export function createSupervisor(options: {
  stateDir: string;
  url: string;
  life: Life;
  say: (line: string) => void;
}): Supervisor {
  const { stateDir, url, life, say } = options;
  const supervisor = ownIdentity();
  const startedAt = new Date().toISOString();
  const processes: SupervisedProcess[] = [];
  let state: Run["state"] = "starting";
  const save = () =>
    writeRun(stateDir, {
      supervisor,
      state,
      startedAt,
      url,
      processes: processes.map((supervised) => supervised.status()),
    });

  life.own(stateDir, removeRun);
  save();
  return {
    add: (definition) => {
      const create = () => createSupervisedProcess({ ...definition, say, onChange: save });
      const supervised = life.own(create(), async (each) => {
        const wasUp = each.status().state !== "waiting";
        await each.stop();
        if (wasUp) say(`${definition.name} stopped`);
      });
      processes.push(supervised);
      return supervised;
    },
    become: (next) => {
      state = next;
      save();
    },
  };
}

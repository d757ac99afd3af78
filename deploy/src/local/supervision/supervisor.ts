import type { Life } from "@fiberstream/runtime/life";
import { ownIdentity } from "@fiberstream/local-stack/native/process-identity";
import { createMember, type Member } from "./supervised-process.ts";
import { removeRun, type Run, writeRun } from "./state-files.ts";

export type Supervision = {
  /** Puts a part or service under supervision; it is stopped in the reverse order of the adding. */
  add: (definition: Omit<Parameters<typeof createMember>[0], "say" | "onChange">) => Member;
  become: (state: Run["state"]) => void;
};

/** Keeps the file that tells other commands what runs; it is removed at the very end. */
export function createSupervision(options: {
  stateDir: string;
  url: string;
  life: Life;
  say: (line: string) => void;
}): Supervision {
  const { stateDir, url, life, say } = options;
  const supervisor = ownIdentity();
  const startedAt = new Date().toISOString();
  const members: Member[] = [];
  let state: Run["state"] = "starting";
  const save = () =>
    writeRun(stateDir, {
      supervisor,
      state,
      startedAt,
      url,
      members: members.map((member) => member.status()),
    });

  life.own(stateDir, removeRun);
  save();
  return {
    add: (definition) => {
      const create = () => createMember({ ...definition, say, onChange: save });
      const member = life.own(create(), async (each) => {
        const wasUp = each.status().state !== "waiting";
        await each.stop();
        if (wasUp) say(`${definition.name} stopped`);
      });
      members.push(member);
      return member;
    },
    become: (next) => {
      state = next;
      save();
    },
  };
}

import Sequencer from "@jest/test-sequencer";

const KINDS = [/\.e2e\.test\.ts$/, /\.int\.test\.ts$/, /\.test\.ts$/];
const kindOf = ({ path }) => KINDS.findIndex((kind) => kind.test(path));

/**
 * Runs the tests that start services first, and those that need nothing last: a long file that begins at the end keeps
 * one worker busy while the others have nothing to do. Within a kind Jest's own order stays (its last durations, or the
 * size of the files where there are none, as in a fresh clone).
 */
export default class ServicesFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).toSorted((one, other) => kindOf(one) - kindOf(other));
  }
}

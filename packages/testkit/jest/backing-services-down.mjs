export default async function partsDown() {
  await globalThis.fiberstreamParts?.stop();
}

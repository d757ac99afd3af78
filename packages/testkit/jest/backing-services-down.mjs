export default async function backingServicesDown() {
  await globalThis.fiberstreamBackingServices?.stop();
}

// Appends, reads, follows and consumes, with the vendor's client for Node.js,
// against a parley that serves at the address given:
//   node try.js esdb://127.0.0.1:2113?tls=false
import assert from "node:assert/strict";
import {
  EventStoreDBClient, jsonEvent, streamNameFilter, eventTypeFilter, persistentSubscriptionToStreamSettingsFromDefaults,
  persistentSubscriptionToAllSettingsFromDefaults,
  START, END, BACKWARDS, NO_STREAM, STREAM_EXISTS, PARK, RETRY,
} from "@eventstore/db-client";

const client = EventStoreDBClient.connectionString(process.argv[2]);
const run = Date.now().toString(36);
const placed = (n) => jsonEvent({ type: "order.placed", data: { n } });

// within ends what hangs. A busy machine may take its time.
const within = (what, promise) => {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error(`never within five minutes: ${what}`)), 300_000); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};
const collect = async (reading) => {
  const all = [];
  for await (const resolved of reading) all.push(resolved);
  return all;
};
const rejects = async (what, type, promise) => {
  const err = await within(what, promise.then(() => undefined, (err) => err));
  assert.ok(err, `${what} was taken`);
  assert.equal(err.type ?? err.name, type, `${what}: ${err}`);
};
const step = (what) => console.log(`  ${what}`);

const stream = `order${run}-1`;
const events = Array.from({ length: 50 }, (_, n) => placed(n));
const written = await within("append", client.appendToStream(stream, events, { expectedRevision: NO_STREAM }));
assert.equal(written.success, true);
assert.equal(written.nextExpectedRevision, 49n);
await client.appendToStream(stream, placed(50), { expectedRevision: STREAM_EXISTS });
await rejects("an append at another revision", "wrong-expected-version", client.appendToStream(stream, placed(0), { expectedRevision: 3n }));
await rejects("an append to Parley's own", "access-denied", client.appendToStream("conversation-x", placed(0)));
step("appended, with and without what was expected");

const read = await within("read", collect(client.readStream(stream)));
assert.deepEqual(read.map((r) => r.event.data.n), Array.from({ length: 51 }, (_, n) => n));
assert.deepEqual(read.slice(0, 50).map((r) => r.event.id), events.map((e) => e.id));
const last = await collect(client.readStream(stream, { direction: BACKWARDS, fromRevision: END, maxCount: 1 }));
assert.equal(last[0].event.revision, 50n);
await rejects("reading what is not there", "stream-not-found", collect(client.readStream(`none${run}`)));
const category = await collect(client.readStream(`$ce-order${run}`, { resolveLinkTos: true }));
assert.equal(category.length, 51);
assert.equal(category[7].event.revision, 7n);
assert.equal(category[7].link.revision, 7n);
step("read, forwards and backwards, by stream and by category");

// follow collects from a subscription until there are enough.
const follow = (subscription, enough) => within("following", (async () => {
  const all = [];
  for await (const resolved of subscription.iterator({ destroyOnReturn: false })) {
    all.push(resolved);
    if (all.length === enough) break;
  }
  await subscription.unsubscribe();
  return all;
})());
const byStream = client.subscribeToAll({ fromPosition: START, filter: streamNameFilter({ prefixes: [`order${run}-`] }) });
const byType = client.subscribeToAll({ fromPosition: START, filter: eventTypeFilter({ regex: `^paid${run}$` }) });
const [orders, paid] = await Promise.all([
  follow(byStream, 53),
  follow(byType, 1),
  (async () => {
    await client.appendToStream(`order${run}-2`, [placed(0), placed(1)]);
    await client.appendToStream(`bill${run}-1`, jsonEvent({ type: `paid${run}`, data: {} }));
  })(),
]);
assert.equal(orders.at(-1).event.streamId, `order${run}-2`);
assert.equal(paid[0].event.streamId, `bill${run}-1`);
step("followed, with filters by stream and by type");

await within("create", client.createPersistentSubscriptionToStream(stream, "work", persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START, maxRetryCount: 3 })));
await rejects("a group twice", "persistent-subscription-exists", client.createPersistentSubscriptionToStream(stream, "work", persistentSubscriptionToStreamSettingsFromDefaults()));
const work = client.subscribeToPersistentSubscriptionToStream(stream, "work", { bufferSize: 10 });
const tries = new Map();
await within("consuming", (async () => {
  let done = 0;
  for await (const resolved of work.iterator({ destroyOnReturn: false })) {
    const { n } = resolved.event.data;
    tries.set(n, (tries.get(n) ?? 0) + 1);
    if (n === 5 && tries.get(n) === 1) await work.nack(RETRY, "once more", resolved);
    else if (n === 9) { await work.nack(PARK, "not this one", resolved); done++; }
    else { await work.ack(resolved); done++; }
    if (done === 51) break;
  }
})());
assert.equal(tries.get(5), 2);
assert.equal(tries.get(9), 1);
const parked = async () => (await client.getPersistentSubscriptionToStreamInfo(stream, "work")).stats.parkedMessageCount;
await within("parking", (async () => { while (Number(await parked()) !== 1) await new Promise((ok) => setTimeout(ok, 50)); })());
await client.replayParkedMessagesToStream(stream, "work");
await within("replaying", (async () => {
  for await (const resolved of work.iterator({ destroyOnReturn: false })) {
    assert.equal(resolved.event.data.n, 9);
    await work.ack(resolved);
    break;
  }
})());
await work.unsubscribe();
const groups = await client.listPersistentSubscriptionsToStream(stream);
assert.deepEqual(groups.map((g) => g.groupName), ["work"]);
await client.deletePersistentSubscriptionToStream(stream, "work");
await client.createPersistentSubscriptionToAll(`all${run}`, persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START }), { filter: streamNameFilter({ prefixes: [`bill${run}-`] }) });
const all = client.subscribeToPersistentSubscriptionToAll(`all${run}`);
await within("consuming of all", (async () => {
  for await (const resolved of all.iterator({ destroyOnReturn: false })) {
    assert.equal(resolved.event.streamId, `bill${run}-1`);
    await all.ack(resolved);
    break;
  }
})());
await all.unsubscribe();
await client.deletePersistentSubscriptionToAll(`all${run}`);
step("consumed by a group: acknowledged, retried, parked and replayed");

await within("delete", client.deleteStream(stream));
await rejects("reading what was deleted", "stream-not-found", collect(client.readStream(stream)));
await client.tombstoneStream(`bill${run}-1`);
await rejects("writing behind a tombstone", "stream-deleted", client.appendToStream(`bill${run}-1`, placed(0)));
step("deleted");
await client.dispose();

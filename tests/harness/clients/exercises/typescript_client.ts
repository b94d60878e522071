// Use the client of Hey API against a running service: `node typescript_client.js URL`.
import { createGauge, deleteGauge, listGauges, readGauge, updateGauge } from './client';
import { client } from './client/client.gen';
import type { GaugeCreate, GaugeRead, GaugeUpdate } from './client';

declare const process: { argv: string[] };

function check(actual: unknown, expected: unknown): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${one} is not ${other}`);
}

async function patched(id: string, body: GaugeUpdate): Promise<GaugeRead> {
  return (await updateGauge({ path: { gauge_id: id }, body, throwOnError: true })).data;
}

async function main(): Promise<void> {
  client.setConfig({ baseUrl: process.argv[2] });
  const body: GaugeCreate = { code: 'ts', ratio: 0.5, price: '4.50', data: { a: [1] }, more: [1, null], note: 'text' };
  const created = (await createGauge({ body, throwOnError: true })).data;
  check([created.price, created.data, created.more], ['4.50', { a: [1] }, [1, null]]);
  check(created.big === 2 ** 53, true); // rounded from 2 ** 53 + 1, see docs/clients.md
  check([created.amount, created.status, created.moment], [1, 'draft', null]);

  const { error, response } = await createGauge({ body });
  check([error?.code, error?.status, response?.status], ['conflict', 409, 409]);
  const invalid = await createGauge({ body: { ...body, code: 'other', price: '-1' } });
  check([invalid.error?.status, invalid.error?.errors?.length], [422, 1]);
  const missing = await readGauge({ path: { gauge_id: '00000000-0000-7000-8000-000000000000' } });
  check(missing.error?.code, 'not_found');

  const page = (await listGauges({ query: { sort: '-big', code: 'ts' }, throwOnError: true })).data;
  check([page.total, page.items[0].code], [1, 'ts']);

  const id = created.id;
  check((await patched(id, {})).note, 'text');
  check((await patched(id, { price: '5.25' })).note, 'text');
  check((await patched(id, { note: null })).note, null);
  check((await patched(id, { note: undefined, kind: 'größe' })).price, '5.25');
  check((await patched(id, { data: [], more: {} })).data, []);
  check((await patched(id, { data: {}, more: null })).more, null);
  check((await deleteGauge({ path: { gauge_id: id } })).response?.status, 204);
}

void main();

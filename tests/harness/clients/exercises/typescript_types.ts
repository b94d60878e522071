// Values of the API that types of openapi-typescript must accept.
import type { components } from './client/schema';

type Create = components['schemas']['GaugeCreate'];
type Update = components['schemas']['GaugeUpdate'];

export const creates: Create[] = [
  { code: 'a', ratio: 1, price: '4.50' },
  { code: 'a', ratio: 1, price: '4.50', data: { a: 1 }, more: [1], note: null, kind: 'größe', big: 1 },
];
export const updates: Update[] = [{}, { note: null }, { data: [], more: null }, { data: {}, status: 'live' }];

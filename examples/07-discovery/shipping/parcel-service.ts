import { injectable } from 'inversify';

@injectable()
export class ParcelService {
  labelFor(order: number): string {
    return `PARCEL-${String(order).padStart(8, '0')}`;
  }
}

import { ContainerModule } from 'inversify';
import { ParcelService } from './parcel-service.js';

export const parcelModule = new ContainerModule(({ bind }) => void bind(ParcelService).toSelf());

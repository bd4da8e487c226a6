/** Our own library, with strings, structs, a handle and callbacks. `npm run build:native` compiles it. */
import 'reflect-metadata';
import { Container } from 'inversify';
import { TextLibrary } from './text.library.js';

const container = new Container();
container.bind(TextLibrary).toSelf();
const text = container.get(TextLibrary);

console.log(`text ${text.version()}: ${text.upper('grüß dich, welt')}`);
console.log(text.split('key=value', '='), text.stats('one two\nthree'));
text.eachWord('stop at the third word', (word, index) => {
  console.log(`word ${index}: ${word}`);
  return index < 2;
});
const counter = text.openCounter();
text.addToCounter(counter, 'a rose is a rose is a rose');
console.log(`rose: ${text.countOf(counter, 'rose')}, open counters: ${text.openCounters()}`);
await container.unbindAllAsync(); // closes the counter too

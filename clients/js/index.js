// What a page imports; index.d.ts says what each does.
export {createTrace} from './trace.js';
export {createReporter, wrapGetUserMedia} from './reporter.js';

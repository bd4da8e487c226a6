/** The version of the package; a test keeps it in step with package.json. */
export const VERSION = '0.1.0';

export const USER_AGENT = `tutti/${VERSION}`;

/**
 * What another file exports: `./x` and `../x` beside the running file, `ufs:/…` and `vfs:/…` of the project, JSON files,
 * and the modules `@nginstack/engine/…` of the engine. A file runs once in an environment; cycles see what was exported so far.
 */
declare function require(name: string): any;

/** In a file that is required: what it exports. */
declare const module: { exports: any };
declare let exports: any;

/** In a file that is required: its URI, and that of its folder. */
declare const __filename: string;
declare const __dirname: string;

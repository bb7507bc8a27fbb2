#!/usr/bin/env node
/** The program `kumiki`: the process around `main`. */
import { main } from './cli.ts'
import { endWithoutTerminal, surviveClosedOutput } from './output/closed-output.ts'

surviveClosedOutput()
process.exitCode = await main(process.argv.slice(2))
endWithoutTerminal()

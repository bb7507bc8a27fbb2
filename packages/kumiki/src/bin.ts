#!/usr/bin/env node
import { main } from './cli.ts'
import { surviveClosedOutput } from './closed-output.ts'

surviveClosedOutput()
process.exitCode = await main(process.argv.slice(2))

/** Events whose bytes TensorBoard's own reader was given: `check_tensorboard.py` reads them back. */
import type { TensorBoardEvent } from '../src/observers/event-file.ts'

export const vectorEvents: readonly TensorBoardEvent[] = [
  { wallTime: 1_700_000_000, step: 0, fileVersion: 'brain.Event:2' },
  { wallTime: 1_700_000_000.25, step: 0, texts: { configuration: '```json\n{"seed": 1, "名": "組木"}\n```' } },
  { wallTime: 1_700_000_001.5, step: 1, scalars: { 'train/loss': 11.25, 'optimizer/learningRate': 3e-4 } },
  {
    wallTime: 1_700_000_002.5,
    step: 2,
    scalars: { 'train/loss': Number.NaN, 'optimizer/gradNorm': Number.POSITIVE_INFINITY },
  },
  { wallTime: 1_700_000_003, step: 10_526_120, scalars: { 'train/loss': 1e-45, 'train/tokens': 2.2e13 } },
  // Taken up again after step 1: the reader drops what was written for steps from 2 on.
  { wallTime: 1_700_000_004, step: 2, restart: true },
  { wallTime: 1_700_000_005, step: 2, scalars: { 'train/loss': 10.5 } },
]

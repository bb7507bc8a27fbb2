/** Exports of the WebAssembly kernels. */
export { gemmPacked, gemmThin } from './gemm'
export { interleaveRows, packB } from './pack'
export { gemvColumns, gemvPanels } from './gemv'
export { groupedOuter, groupedRows } from './grouped'
export { attentionBackward, attentionForward } from './attention'
export { crossEntropyGradientRows, crossEntropyRows, logSumExpRows, maxColumns, maxRows, rmsNormGradientRows, rmsNormRows, softmaxGradientRows, softmaxRows, sumColumns, sumNarrowRows, sumRows, sumSquaresRows } from './rows'
export { copyRows, rotaryRows, scatterAddRows, takeRows, writeRows } from './move'
export { cos, decodeE4M3, decodeE5M2, decodeF16, encodeBf16, encodeBf16InRange, encodeE4M3, encodeE5M2, encodeF16, exp, expInRange, log, sigmoid, sigmoidInRange, sign, sin, tanh, truncateS, truncateU } from './math'

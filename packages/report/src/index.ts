/** Charts as SVG and reports as HTML pages, from plain data. */
export { type Bar, type BarsChart, barsChart } from './charts/bars-chart.ts'
export {
  type ChartedAnalysis,
  type ChartedEffect,
  type EffectsChartOptions,
  effectsChart,
  halfNormalChart,
} from './charts/effects-chart.ts'
export { type GrowthPoint, growthCharts, type MeasuredGrowth } from './charts/growth-chart.ts'
export {
  type ExponentCounts,
  type FormatRange,
  type HistogramChartOptions,
  histogramChart,
} from './charts/histogram-chart.ts'
export { type Band, type Line, type LineChart, lineChart, lineCharts, type Rule } from './charts/line-chart.ts'
export type { Points } from './charts/line-values.ts'
export { type MeasuredMemory, memoryChart } from './charts/memory-chart.ts'
export { type ScheduleChartOptions, scheduleChart } from './charts/schedule-chart.ts'
export { type Timeline, type TimelineOptions, type TimelinePass, timelineChart } from './charts/timeline-chart.ts'
export { type LoggedStep, type LogReportOptions, type LogSummary, logReport } from './log/log-report.ts'
export { type HeatTable, heatTable } from './page/heat-table.ts'
export { type Page, page } from './page/page.ts'
export { facts, figure, figureRow, type TableOptions, table } from './page/parts.ts'
export { type PlanReportOptions, planReport } from './plan/plan-report.ts'
export type {
  PlanCandidate,
  PlanEstimate,
  PlanSummary,
  RunCost,
  StageMemory,
  StepTime,
} from './plan/plan-summary.ts'
export { policyCells, policyColumns, policyFindings } from './precision/policy-table.ts'
export { type PrecisionReportOptions, type PrecisionSetting, precisionReport } from './precision/precision-report.ts'
export type { FitByLayer, PolicyComparison, PrecisionProbe, PrecisionRun } from './precision/precision-run.ts'
export type { HeldOut, ReportRun, RunMetric, RunResult, WrittenText } from './run/run.ts'
export { runHeadline } from './run/run-headline.ts'
export { compareRuns, type RunReportOptions, runReport } from './run/run-report.ts'
export type { DrawOptions, Language, PictureDocument } from './svg/frame.ts'
export type { ScaleKind } from './svg/ticks.ts'
export { type Content, html, Markup, raw } from './text/markup.ts'

/** Pictures and pages from plain data. */
export { type Bar, type BarsChart, barsChart } from './charts/bars-chart.ts'
export { type Band, type Line, type LineChart, lineChart, lineCharts, type Rule } from './charts/line-chart.ts'
export type { Points } from './charts/line-values.ts'
export { type Timeline, type TimelineOptions, type TimelinePass, timelineChart } from './charts/timeline-chart.ts'
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
export type { HeldOut, ReportRun, RunMetric, RunResult, WrittenText } from './run/run.ts'
export { runHeadline } from './run/run-headline.ts'
export { compareRuns, type RunReportOptions, runReport } from './run/run-report.ts'
export type { DrawOptions, PictureDocument } from './svg/frame.ts'
export type { ScaleKind } from './svg/ticks.ts'
export { type Content, html, Markup, raw } from './text/markup.ts'

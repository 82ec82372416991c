/**
 * Cron expressions and time zones by the library `croner`: the kernel's `Calendar` port. In flow an expression, an IANA zone and an instant; out
 * flows the next instant. It never starts a timer, reads a clock or runs a job: croner's scheduler is not used.
 */
export { CronerCalendar } from "./calendar.ts";

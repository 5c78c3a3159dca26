"""Draw it: functions from data to artists on given axes. They compute no results and hold no state."""

# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_fuzz(report fuzz_report.c LIBS weir_report
          COVERS src/report/cells.c src/report/columns.c src/report/kmeans.c src/report/result.c
                 src/report/rows.c src/report/when.c src/report/chart.c src/report/chart_days.c)

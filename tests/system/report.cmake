# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(report test_report.py)
weir_system_test(report-page test_report_page.py)

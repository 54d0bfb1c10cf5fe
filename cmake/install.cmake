# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# What is installed beside programs and plugins: headers for plugin authors, configuration, pages.
file(RELATIVE_PATH up_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${CMAKE_CURRENT_LIST_DIR}/weir.pc.in ${PROJECT_BINARY_DIR}/weir.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY include/weir DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h
        PATTERN *.def)
install(FILES etc/weir.conf DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/weir)
install(DIRECTORY etc/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md NOTICE LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES docs/man/weir.1 docs/man/weir-report.1 docs/man/weir-spool.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/weir.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)

/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A GPIO controller for a virtual machine that has none: the kernel's own driver (pinctrl-amd) takes
 * it, and its registers are plain memory, where whoever runs the machine can look at the lines.
 * ../pins.py keeps that memory away from the guest's kernel.
 */
DefinitionBlock ("gpio.aml", "SSDT", 2, "WEIR", "GPIO", 1)
{
    Scope (\_SB)
    {
        Device (GPIO)
        {
            Name (_HID, "AMDI0030")
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0x08000000, 0x00000400)
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 20 }
            })
        }
    }
}

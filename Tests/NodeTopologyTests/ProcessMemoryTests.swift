import Foundation
import NodeTopology
import Testing

@Suite("Memory of a process")
struct ProcessMemoryTests {
    @Test("The proportional share is read from the kernel's sum over mappings")
    func proportional() throws {
        let machine = try FakeMachine([
            "/proc/self/smaps_rollup": """
            556436ffa000-7ffe93f69000 ---p 00000000 00:00 0                          [rollup]
            Rss:                1620 kB
            Pss:                 358 kB
            Pss_Dirty:           116 kB

            """,
            "/proc/self/statm": "900 405 300 10 0 100 0\n",
        ])
        #expect(machine.read { ProcessMemory.proportionalBytes(tree: $0) } == 358 * 1024)
    }

    @Test("Without that sum the resident pages stand in")
    func fallback() throws {
        let machine = try FakeMachine(["/proc/77/statm": "900 405 300 10 0 100 0\n"])
        let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
        #expect(
            machine.read { ProcessMemory.proportionalBytes(of: 77, tree: $0) } == 405 * pageSize
        )
        #expect(machine.read { ProcessMemory.proportionalBytes(of: 78, tree: $0) } == nil)
    }

    @Test("The peak is read from the status file")
    func peak() throws {
        let machine = try FakeMachine(["/proc/self/status": "Name:\tx\nVmHWM:\t    2048 kB\n"])
        #expect(machine.read { ProcessMemory.peakResidentBytes(tree: $0) } == 2 << 20)
    }

    @Test("This process holds some memory, no more than it shares and no more than its peak")
    func real() throws {
        let share = try #require(ProcessMemory.proportionalBytes())
        let resident = try #require(ProcessMemory.residentBytes(of: getpid()))
        #expect(share > 1 << 16 && resident > 1 << 16)
        #expect(try #require(ProcessMemory.peakResidentBytes()) > 1 << 16)
    }
}

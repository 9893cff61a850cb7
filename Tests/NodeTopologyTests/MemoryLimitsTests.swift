import NodeTopology
import Testing

@Suite("Memory limits")
struct MemoryLimitsTests {
    private let gibibyte = 1 << 30

    private func machine() throws -> FakeMachine {
        let machine = try FakeMachine()
        try machine.setMemory(totalKiB: 64 << 20, availableKiB: 48 << 20)
        return machine
    }

    @Test("Without control groups the machine's memory is the limit")
    func physicalOnly() throws {
        let limits = try machine().memoryLimits()
        #expect(limits.physicalBytes == 64 * gibibyte)
        #expect(limits.controlGroupBytes == nil)
        #expect(limits.availableBytes == 64 * gibibyte)
        #expect(limits.unusedBytes == 48 * gibibyte)
    }

    @Test("The lowest limit of nested groups counts, and max is none")
    func nestedVersion2() throws {
        let machine = try machine()
        try machine.joinControlGroup("/user/job/step")
        let root = "/sys/fs/cgroup/user"
        try machine.write("max\n", to: root + "/job/step/memory.max")
        try machine.write("\(8 * gibibyte)\n", to: root + "/job/memory.max")
        try machine.write("\(6 * gibibyte)\n", to: root + "/job/memory.current")
        try machine.write(
            "anon 5\ninactive_file \(gibibyte)\nactive_file 9\n",
            to: root + "/job/memory.stat"
        )
        try machine.write("\(16 * gibibyte)\n", to: root + "/memory.max")
        let limits = machine.memoryLimits()
        #expect(limits.controlGroupBytes == 8 * gibibyte)
        #expect(limits.availableBytes == 8 * gibibyte)
        #expect(limits.unusedBytes == 3 * gibibyte)
    }

    @Test("A group that is throttled before its hard limit is limited there")
    func highVersion2() throws {
        let machine = try machine()
        try machine.joinControlGroup("/job")
        try machine.write("\(8 * gibibyte)\n", to: "/sys/fs/cgroup/job/memory.max")
        try machine.write("\(7 * gibibyte)\n", to: "/sys/fs/cgroup/job/memory.high")
        #expect(machine.memoryLimits().controlGroupBytes == 7 * gibibyte)
    }

    @Test("Groups without any limit leave the machine's memory")
    func unlimited() throws {
        let machine = try machine()
        try machine.joinControlGroup("/job")
        try machine.write("max\n", to: "/sys/fs/cgroup/job/memory.max")
        try machine.write("max\n", to: "/sys/fs/cgroup/job/memory.high")
        #expect(machine.memoryLimits().controlGroupBytes == nil)
    }

    @Test("A limit above the machine's memory does not raise it")
    func generous() throws {
        let machine = try machine()
        try machine.joinControlGroup("/job")
        try machine.write("\(128 * gibibyte)\n", to: "/sys/fs/cgroup/job/memory.max")
        #expect(machine.memoryLimits().availableBytes == 64 * gibibyte)
    }

    @Test("Version 1 limits hold, and its largest number is none")
    func version1() throws {
        let machine = try machine()
        try machine.write("4:memory:/slurm/job_7/step_0\n", to: "/proc/self/cgroup")
        try machine.write(
            "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            to: "/proc/self/mountinfo"
        )
        let job = "/sys/fs/cgroup/memory/slurm/job_7"
        try machine.write("9223372036854771712\n", to: job + "/step_0/memory.limit_in_bytes")
        try machine.write("9223372036854771712\n", to: job + "/memory.limit_in_bytes")
        #expect(machine.memoryLimits().controlGroupBytes == nil)

        try machine.write("\(4 * gibibyte)\n", to: job + "/memory.limit_in_bytes")
        try machine.write("\(3 * gibibyte)\n", to: job + "/memory.usage_in_bytes")
        try machine.write("total_inactive_file \(2 * gibibyte)\n", to: job + "/memory.stat")
        let limits = machine.memoryLimits()
        #expect(limits.controlGroupBytes == 4 * gibibyte)
        #expect(limits.unusedBytes == 3 * gibibyte)

        try machine.write(
            "cache 1\nhierarchical_memory_limit \(2 * gibibyte)\n",
            to: job + "/step_0/memory.stat"
        )
        #expect(machine.memoryLimits().controlGroupBytes == 2 * gibibyte)
    }

    @Test("Kills for want of memory are counted in both versions")
    func outOfMemoryKills() throws {
        let machine = try machine()
        #expect(machine.read { MemoryLimits.outOfMemoryKillCount(tree: $0) } == nil)
        try machine.joinControlGroup("/job")
        try machine.write(
            "low 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 9\n",
            to: "/sys/fs/cgroup/job/memory.events"
        )
        #expect(machine.read { MemoryLimits.outOfMemoryKillCount(tree: $0) } == 2)

        let older = try FakeMachine([
            "/proc/self/cgroup": "4:memory:/job\n",
            "/proc/self/mountinfo": "35 31 0:32 / /m rw - cgroup cgroup rw,memory\n",
            "/m/job/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
        ])
        #expect(older.read { MemoryLimits.outOfMemoryKillCount(tree: $0) } == 5)
    }

    @Test("This machine's limits are plausible")
    func real() {
        let limits = MemoryLimits()
        #expect(limits.physicalBytes > 1 << 26)
        #expect(limits.availableBytes > 0)
        #expect(limits.unusedBytes <= limits.physicalBytes)
    }
}

import Foundation
import NodeTopology
import Testing

@Suite("Pinning threads")
struct ThreadPinningTests {
    /// Runs `body` on a thread that ends afterwards, so that no pool thread stays pinned.
    private func onOwnThread<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: body()) }.start()
        }
    }

    @Test("A pinned thread may run on its placement's CPUs only")
    func pins() async throws {
        let cpu = try #require(try ThreadPinning.allowedCPUs().get().last)
        let placement = ChildPlacement(numaNode: nil, memoryNode: nil, cpus: [cpu], threads: 1)
        let (report, allowed) = await onOwnThread {
            (ThreadPinning.apply(placement), try? ThreadPinning.allowedCPUs().get())
        }
        #expect(report.cpus == .applied)
        #expect(report.memory == .notAsked)
        #expect(allowed == [cpu])
        #expect(report.description == "CPUs applied, memory not asked")
    }

    @Test("CPUs the machine does not have are refused as a value")
    func refusesCPUs() async {
        let placement = ChildPlacement(numaNode: nil, memoryNode: nil, cpus: [900_000], threads: 1)
        let report = await onOwnThread { ThreadPinning.apply(placement) }
        #expect(report.cpus == .refused(code: EINVAL))
    }

    @Test(
        "Memory can be asked of a node that exists, where the machine lets anyone choose",
        arguments: [ThreadPinning.MemoryPreference.preferred, .bound]
    )
    func memoryPolicy(preference: ThreadPinning.MemoryPreference) async throws {
        let node = try #require(Topology.discover().computeNodes.first)
        let placement = ChildPlacement(
            numaNode: node.id,
            memoryNode: node.id,
            cpus: node.cpus,
            threads: 1
        )
        let report = await onOwnThread { ThreadPinning.apply(placement, memory: preference) }
        #expect(report.cpus == .applied)
        #expect([.applied, .unavailable].contains(report.memory))
    }

    @Test("Memory of a node the machine does not have is refused as a value")
    func refusesNode() async throws {
        let cpus = try ThreadPinning.allowedCPUs().get()
        let placement = ChildPlacement(numaNode: 900, memoryNode: 900, cpus: cpus, threads: 1)
        let report = await onOwnThread { ThreadPinning.apply(placement, memory: .bound) }
        #expect([.refused(code: EINVAL), .unavailable].contains(report.memory))
    }
}

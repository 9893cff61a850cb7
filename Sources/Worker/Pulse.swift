import NodeTopology
import Synchronization
import WireProtocol

/// What a heartbeat says, kept where the event loop can read it at any time.
final class Pulse: Sendable {
    private let state = Mutex((finished: UInt64(0), running: Set<UInt32>()))

    func began(_ perturbation: UInt32) {
        state.withLock { _ = $0.running.insert(perturbation) }
    }

    func ended(_ perturbation: UInt32) {
        state.withLock {
            $0.running.remove(perturbation)
            $0.finished += 1
        }
    }

    var heartbeat: WorkerHeartbeat {
        let (finished, running) = state.withLock { ($0.finished, $0.running.sorted()) }
        return WorkerHeartbeat(
            finishedPerturbations: finished,
            runningPerturbations: running,
            residentBytes: UInt64(ProcessMemory.residentBytes() ?? 0)
        )
    }
}

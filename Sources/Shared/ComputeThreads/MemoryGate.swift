import Synchronization

/// Lets jobs in only while their memory fits a budget together; one job is always let in.
///
/// Jobs that wait are let in in any order, each as soon as its own need fits.
package final class MemoryGate: Sendable {
    private struct State {
        var free: Int
        var inside = 0
        var waiting: [(need: Int, gate: Gate)] = []
    }

    private let state: Mutex<State>

    /// A gate for jobs of `bytes` bytes together.
    package init(bytes: Int) {
        state = Mutex(State(free: bytes))
    }

    /// Waits until a job of `need` bytes may begin.
    package func enter(_ need: Int) {
        let gate: Gate? = state.withLock { state in
            if state.inside == 0 || need <= state.free {
                state.inside += 1
                state.free -= need
                return nil
            }
            let gate = Gate()
            state.waiting.append((need, gate))
            return gate
        }
        gate?.wait()
    }

    /// Gives back what ``enter(_:)`` took.
    package func leave(_ need: Int) {
        let opened: [Gate] = state.withLock { state in
            state.inside -= 1
            state.free += need
            var opened: [Gate] = []
            while let next = state.waiting.firstIndex(where: {
                state.inside == 0 || $0.need <= state.free
            }) {
                let job = state.waiting.remove(at: next)
                state.inside += 1
                state.free -= job.need
                opened.append(job.gate)
            }
            return opened
        }
        for gate in opened { gate.open() }
    }
}

import Synchronization

/// Runs an asynchronous step to its end while the calling thread waits.
///
/// For plain threads only, never for one that serves tasks: the step itself needs those. The two
/// programs are plain threads that wait for events; only opening sockets is asynchronous.
package func waitFor<Value: Sendable>(
    _ step: @escaping @Sendable () async throws -> Value
) throws -> Value {
    let outcome = Mutex<Result<Value, any Error>?>(nil)
    let box = WaitBox(outcome: outcome)
    Task.detached {
        do {
            box.finish(.success(try await step()))
        } catch {
            box.finish(.failure(error))
        }
    }
    return try box.wait().get()
}

/// The outcome of a step and the door behind which the caller waits for it.
private final class WaitBox<Value: Sendable>: Sendable {
    private let outcome: Mutex<Result<Value, any Error>?>
    private let gate = Gate()

    init(outcome: consuming Mutex<Result<Value, any Error>?>) {
        self.outcome = outcome
    }

    func finish(_ result: Result<Value, any Error>) {
        outcome.withLock { $0 = result }
        gate.open()
    }

    func wait() -> Result<Value, any Error> {
        gate.wait()
        guard let result = outcome.withLock({ $0 }) else {
            preconditionFailure("the gate opened without an outcome")
        }
        return result
    }
}

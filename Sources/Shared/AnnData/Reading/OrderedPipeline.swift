internal import ComputeThreads

/// Reads pieces one after another, works on several at a time and delivers them in order.
///
/// One thread reads, `threads` threads work, the caller takes the results. At most `inFlight`
/// pieces exist at any time. The first failure in order of pieces is the one that is thrown,
/// whatever the threads' timing.
struct OrderedPipeline<Piece: Sendable, Output: Sendable> {
    let pieceCount: Int
    let threads: Int
    let inFlight: Int
    /// Reads one piece; called in order on one thread.
    let read: @Sendable (Int) throws -> Piece
    /// Makes what one working thread keeps, and returns its work function.
    let makeWorker: @Sendable () -> (Piece) throws -> Output

    /// Runs the pipeline; `consume` gets every output in order on the calling thread.
    func run(_ consume: (Output) throws -> Void) throws {
        guard pieceCount > 0 else { return }
        let state = PipelineState<Piece, Output>(inFlight: max(1, inFlight))
        let workers = min(max(1, threads), pieceCount)
        state.live = workers + 1
        startDetachedThread { [self] in
            readAll(state)
            state.leave()
        }
        for _ in 0..<workers {
            startDetachedThread { [self] in
                workAll(state)
                state.leave()
            }
        }
        defer { state.stopAndWait() }
        for index in 0..<pieceCount {
            let output = try state.takeOutput(index).get()
            try consume(output)
            state.release()
        }
    }

    private func readAll(_ state: PipelineState<Piece, Output>) {
        for index in 0..<pieceCount {
            guard state.waitForRoom(index) else { return }
            do {
                state.offer(index, try read(index))
            } catch {
                state.deliver(index, .failure(error))
                return
            }
        }
        state.finishReading()
    }

    private func workAll(_ state: PipelineState<Piece, Output>) {
        let work = makeWorker()
        while let (index, piece) = state.takePiece() {
            state.deliver(index, Result { try work(piece) })
        }
    }
}

/// What the threads of a pipeline share.
///
/// `@unchecked` because the compiler does not see that `monitor` guards every stored variable.
private final class PipelineState<Piece: Sendable, Output: Sendable>: @unchecked Sendable {
    private let monitor = Monitor()
    private let inFlight: Int
    private var pieces: [(index: Int, piece: Piece)] = []
    private var outputs: [Int: Result<Output, any Error>] = [:]
    private var released = 0
    private var readingDone = false
    private var stopped = false
    /// Threads that have not ended; set before they start.
    var live = 0

    init(inFlight: Int) { self.inFlight = inFlight }

    func waitForRoom(_ index: Int) -> Bool {
        monitor.locked {
            while index >= released + inFlight, !stopped { monitor.wait() }
            return !stopped
        }
    }

    func offer(_ index: Int, _ piece: Piece) {
        monitor.locked {
            pieces.append((index, piece))
            monitor.notify()
        }
    }

    func finishReading() {
        monitor.locked {
            readingDone = true
            monitor.notify()
        }
    }

    func takePiece() -> (index: Int, piece: Piece)? {
        monitor.locked {
            while pieces.isEmpty, !readingDone, !stopped { monitor.wait() }
            return pieces.isEmpty || stopped ? nil : pieces.removeFirst()
        }
    }

    func deliver(_ index: Int, _ output: Result<Output, any Error>) {
        monitor.locked {
            outputs[index] = output
            monitor.notify()
        }
    }

    func takeOutput(_ index: Int) -> Result<Output, any Error> {
        monitor.locked {
            while true {
                if let output = outputs.removeValue(forKey: index) { return output }
                monitor.wait()
            }
        }
    }

    func release() {
        monitor.locked {
            released += 1
            monitor.notify()
        }
    }

    func leave() {
        monitor.locked {
            live -= 1
            monitor.notify()
        }
    }

    func stopAndWait() {
        monitor.locked {
            stopped = true
            monitor.notify()
            while live > 0 { monitor.wait() }
            pieces = []
            outputs = [:]
        }
    }
}

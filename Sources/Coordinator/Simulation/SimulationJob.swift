import AnnData
import ComputeThreads
import Glibc
import Synchronization

/// Draws a screen and writes it to a file, in memory that does not grow with the number of counts.
package enum SimulationJob {
    /// What was written.
    package struct Summary: Equatable, Sendable {
        /// Number of cells.
        package let cells: Int
        /// Number of genes.
        package let genes: Int
        /// Number of counts above 0.
        package let nonzeros: Int

        /// Share of the counts that are above 0.
        package var density: Double { Double(nonzeros) / (Double(cells) * Double(genes)) }
    }

    /// Counts, zeros included, that one thread draws at a time.
    private static let drawsPerPiece = 1 << 18
    /// Pieces for each thread between two meetings of all threads.
    private static let piecesPerThread = 8

    /// Writes a simulated screen.
    ///
    /// The file is written beside `output` as `<output>.<process>.partial`, saved and renamed. Its bytes depend
    /// on design and compression alone.
    ///
    /// - Parameters:
    ///   - design: What the screen is like.
    ///   - output: The file.
    ///   - threads: Threads that draw, at least 1.
    ///   - gzipLevel: Compression of the counts from 1 to 9; 0 for none.
    ///   - force: Whether an existing file is replaced.
    ///   - progress: Called now and then with the number of cells written and that of all cells.
    /// - Returns: What was written.
    /// - Throws: ``RunFailure`` with status `usage` (impossible design), `cannotCreate` or
    ///   `inputOutput`; nothing is left then.
    @discardableResult
    package static func run(
        design: ScreenDesign,
        output: String,
        threads: Int,
        gzipLevel: Int = 0,
        force: Bool = false,
        progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(RunFailure) -> Summary {
        if let problem = design.problem { throw RunFailure(.usage, problem) }
        guard (0...9).contains(gzipLevel) else {
            throw RunFailure(.usage, "the gzip level must be from 0 to 9, not \(gzipLevel)")
        }
        guard force || access(output, F_OK) != 0 else {
            throw RunFailure(AnnDataWriteError.alreadyExists(path: output))
        }
        // Two simulations of one output must not write into one file.
        let partial = output + ".\(getpid()).partial"
        let truth = ScreenTruth(design)
        let writer: ScreenWriter
        do throws(AnnDataWriteError) {
            writer = try ScreenWriter(
                path: partial,
                tables: truth.tables,
                chunkElements: chunkElements(cells: truth.cellCount, genes: design.genes),
                gzipLevel: gzipLevel
            )
        } catch {
            throw RunFailure(error)
        }
        let nonzeros: Int
        do throws(AnnDataWriteError) {
            try write(ScreenSimulator(truth), to: writer, threads: threads, progress)
            nonzeros = try writer.finish()
        } catch {
            writer.cancel()
            throw RunFailure(error)
        }
        do throws(AnnDataWriteError) {
            try PublishedFile.publish(partial, as: output, replacing: force)
        } catch {
            unlink(partial)
            throw RunFailure(error)
        }
        return Summary(cells: truth.cellCount, genes: design.genes, nonzeros: nonzeros)
    }

    /// Small screens get small chunks, because a chunk takes its whole room in the file.
    private static func chunkElements(cells: Int, genes: Int) -> Int {
        var elements = 1024
        while elements < 65_536, elements * 4 < cells * genes { elements *= 2 }
        return elements
    }

    /// Draws pieces of cells on all threads, while one of them writes those drawn before.
    private static func write(
        _ simulator: ScreenSimulator,
        to writer: ScreenWriter,
        threads: Int,
        _ progress: (Int, Int) -> Void
    ) throws(AnnDataWriteError) {
        let team = ThreadTeam(threadCount: threads)
        let total = simulator.truth.cellCount
        let pieceCells = max(1, drawsPerPiece / simulator.truth.means.count)
        let pieces = (total + pieceCells - 1) / pieceCells
        let perMeeting = min(pieces, piecesPerThread * team.threadCount)
        var drawn = Bank(count: perMeeting)
        var drawing = Bank(count: perMeeting)
        var first = 0
        while first < pieces || !drawn.isEmpty {
            let range = first..<min(pieces, first + perMeeting)
            let (target, source) = (drawing, drawn)
            let failure = Failure()
            team.forEach(range.count + 1) { index in
                guard index > 0 else {
                    failure.record { () throws(AnnDataWriteError) in try source.write(to: writer) }
                    return
                }
                let start = (range.lowerBound + index - 1) * pieceCells
                target.draw(index - 1, start..<min(total, start + pieceCells), simulator)
            }
            try failure.rethrow()
            progress(min(total, first * pieceCells), total)
            (drawing, drawn) = (drawn, drawing)
            drawn.filled = range.count
            drawing.filled = 0
            first = range.upperBound
        }
    }

    /// Pieces that are drawn together and written in order.
    private struct Bank: Sendable {
        let slots: [Slot]
        var filled = 0

        init(count: Int) { slots = (0..<count).map { _ in Slot() } }

        var isEmpty: Bool { filled == 0 }

        func draw(_ slot: Int, _ cells: Range<Int>, _ simulator: ScreenSimulator) {
            slots[slot].cells.withLock { simulator.draw(cells, into: &$0) }
        }

        func write(to writer: ScreenWriter) throws(AnnDataWriteError) {
            for slot in slots.prefix(filled) {
                try slot.cells.withLock { cells throws(AnnDataWriteError) -> Void in
                    let outcome = cells.withBuffers { counts, genes, values in
                        Result { () throws(AnnDataWriteError) -> Void in
                            try writer.append(nonzeroCounts: counts, genes: genes, values: values)
                        }
                    }
                    try outcome.get()
                }
            }
        }
    }

    private final class Slot: Sendable {
        let cells = Mutex(SimulatedCells())
    }

    /// Carries an error out of a parallel loop.
    private final class Failure: Sendable {
        private let error = Mutex<AnnDataWriteError?>(nil)

        func record(_ work: () throws(AnnDataWriteError) -> Void) {
            do throws(AnnDataWriteError) {
                try work()
            } catch {
                let failure = error
                self.error.withLock { $0 = failure }
            }
        }

        func rethrow() throws(AnnDataWriteError) {
            if let error = error.withLock({ $0 }) { throw error }
        }
    }
}

extension SimulatedCells {
    fileprivate func withBuffers<Value>(
        _ body: (
            UnsafeBufferPointer<Int32>, UnsafeBufferPointer<Int32>, UnsafeBufferPointer<Float>
        ) -> Value
    ) -> Value {
        nonzeroCounts.withUnsafeBufferPointer { counts in
            genes.withUnsafeBufferPointer { genes in
                values.withUnsafeBufferPointer { values in body(counts, genes, values) }
            }
        }
    }
}

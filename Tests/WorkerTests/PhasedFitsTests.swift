import ComputeThreads
import CountBlocks
import DifferentialExpression
import Digests
import Testing
import Worker

@Suite("Fits that read control cells in pieces")
struct PhasedFitsTests {
    private enum Report: Sendable {
        case fetch(ControlPiece)
        case ended(UInt32, Result<FinishedRow, WorkerFailure>)
        case damaged(ControlPiece)
    }

    /// A small process around the fits: answers requests for pieces and collects rows.
    private final class Bench {
        let screen: RelayScreen
        let fits: PhasedFits<RelayAnalysis>
        let census = FitCensus()
        private let mailbox: Mailbox<Report>
        private var random: SeededGenerator
        private var wanted: [ControlPiece] = []
        var rows: [UInt32: [UInt8]] = [:]
        var failures: [UInt32: String] = [:]
        var fetches: [ControlPiece: Int] = [:]
        var damages: [ControlPiece] = []
        /// Pieces whose next delivery is damaged, with the byte.
        var toDamage: [ControlPiece: Int] = [:]

        init(
            _ screen: RelayScreen,
            threads: Int,
            pieceBytes: Int,
            fitBytes: Int = 1 << 30,
            seed: UInt64 = 0
        ) {
            let mailbox = Mailbox<Report>()
            let analysis = RelayAnalysis(
                geneCount: screen.geneCount,
                controlCells: screen.control.count,
                census: census
            )
            self.screen = screen
            self.mailbox = mailbox
            random = SeededGenerator(seed: seed)
            fits = PhasedFits(
                analysis: analysis,
                setting: PhasedFitsSetting(
                    geneCount: screen.geneCount,
                    kind: .integerCounts,
                    pieces: screen.pieces,
                    threads: threads,
                    pieceBytes: pieceBytes,
                    fitBytes: fitBytes,
                    tileBytes: {
                        analysis.tileBytes(nonzeros: $0.nonzeroCount, genes: $0.genes.count)
                    },
                    fitNeed: { 10 * $0.block.count }
                ),
                delegate: ControlledFitsDelegate(
                    fetch: { mailbox.post(.fetch($0)) },
                    ended: { mailbox.post(.ended($0, $1)) },
                    damaged: { mailbox.post(.damaged($0)) }
                )
            )
        }

        /// Answers until so many fits have ended, or nothing happens for long.
        func serve(until count: Int) {
            while rows.count + failures.count < count {
                let reports = mailbox.take(waitingAtMost: wanted.isEmpty ? 20_000 : 1)
                if reports.isEmpty, wanted.isEmpty { return }
                for report in reports { take(report) }
                // One at a time and in any order.
                guard !wanted.isEmpty else { continue }
                let piece = wanted.remove(at: Int.random(in: 0..<wanted.count, using: &random))
                var bytes = screen.bytes[piece] ?? []
                if let place = toDamage.removeValue(forKey: piece) { bytes[place] ^= 4 }
                fits.arrived(piece, bytes: bytes)
            }
        }

        private func take(_ report: Report) {
            switch report {
            case .fetch(let piece):
                fetches[piece, default: 0] += 1
                wanted.append(piece)
            case .damaged(let piece):
                damages.append(piece)
                wanted.append(piece)
            case .ended(let perturbation, .success(let row)):
                rows[perturbation] = row.bytes
                #expect(row.bytes.withUnsafeBytes { Digest128(of: $0) } == row.digest)
            case .ended(let perturbation, .failure(let failure)):
                failures[perturbation] = "\(failure)"
            }
        }
    }

    @Test(
        "rows are what the phases define, whatever threads, memory and order of arrival",
        arguments: [1, 2, 3],
        [1, 400_000, 900_000, 1 << 30]
    )
    func rows(threads: Int, pieceBytes: Int) throws {
        let screen = try RelayScreen()
        let bench = Bench(
            screen,
            threads: threads,
            pieceBytes: pieceBytes,
            seed: UInt64(threads + pieceBytes)
        )
        for perturbation in screen.perturbed.indices {
            bench.fits.submit(try screen.order(perturbation))
        }
        bench.serve(until: screen.perturbed.count)
        try #require(bench.rows.count == screen.perturbed.count)
        for perturbation in screen.perturbed.indices {
            #expect(bench.rows[UInt32(perturbation)] == screen.row(perturbation))
        }
        let fetched = bench.fetches.values.reduce(0, +)
        let count = screen.bytes.count
        #expect(bench.fetches.count == count)
        if pieceBytes == 1 << 30 { #expect(fetched == count, "all of them stay") }
        // Five phases visit pieces, in rounds that all fits may share.
        if pieceBytes == 1 { #expect(fetched > count + 8, "they were exchanged") }
    }

    @Test("fits that begin while others are in progress, or one after another, give the same rows")
    func staggered() throws {
        let screen = try RelayScreen()
        let bench = Bench(screen, threads: 2, pieceBytes: 300_000, fitBytes: 1)
        // With so little memory for fits they run one after the other.
        for perturbation in [4, 2] { bench.fits.submit(try screen.order(perturbation)) }
        bench.serve(until: 1)
        for perturbation in [0, 5] { bench.fits.submit(try screen.order(perturbation)) }
        bench.serve(until: 4)
        #expect(bench.rows.keys.sorted() == [0, 2, 4, 5])
        for (perturbation, row) in bench.rows { #expect(row == screen.row(Int(perturbation))) }
    }

    @Test(
        "no more fits are in memory than it has room for, and at least one",
        arguments: zip([1, 30_000, 1 << 30], [1, 1, 6])
    )
    func memory(fitBytes: Int, least: Int) throws {
        let screen = try RelayScreen()
        let needs = try screen.perturbed.indices.map { 10 * (try screen.order($0).block.count) }
        // The most fits that the memory has room for are some that need least.
        var (room, fitting) = (fitBytes, 0)
        for need in needs.sorted() where room >= need {
            room -= need
            fitting += 1
        }
        let bench = Bench(screen, threads: 2, pieceBytes: 1 << 30, fitBytes: fitBytes)
        for perturbation in screen.perturbed.indices {
            bench.fits.submit(try screen.order(perturbation))
        }
        bench.serve(until: screen.perturbed.count)
        #expect(bench.rows.count == screen.perturbed.count)
        #expect((least...max(fitting, 1)).contains(bench.census.most), "\(bench.census.most)")
    }

    @Test(
        "a piece that arrives damaged is asked for again and spoils nothing",
        arguments: [1, 1 << 30]
    )
    func damagedPiece(pieceBytes: Int) throws {
        let screen = try RelayScreen()
        let bench = Bench(screen, threads: 2, pieceBytes: pieceBytes)
        let damaged: [ControlPiece] = [.tile(1), .cells(2), .tile(3)]
        for piece in damaged {
            bench.toDamage[piece] = 70 + 5 * (screen.bytes[piece]?.count ?? 0) / 9
        }
        for perturbation in 0..<3 { bench.fits.submit(try screen.order(perturbation)) }
        bench.serve(until: 3)
        #expect(bench.damages.sorted() == damaged.sorted())
        for perturbation in 0..<3 {
            #expect(bench.rows[UInt32(perturbation)] == screen.row(perturbation))
        }
    }

    @Test("a perturbation whose own cells are damaged fails alone")
    func damagedBlock() throws {
        let screen = try RelayScreen()
        let bench = Bench(screen, threads: 2, pieceBytes: 1)
        for perturbation in 0..<4 {
            var order = try screen.order(perturbation)
            if perturbation == 2 { order.block[order.block.count / 2] ^= 1 }
            bench.fits.submit(order)
        }
        bench.serve(until: 4)
        #expect(bench.failures.keys.sorted() == [2])
        #expect(bench.rows.keys.sorted() == [0, 1, 3])
        for (perturbation, row) in bench.rows { #expect(row == screen.row(Int(perturbation))) }
    }

    @Test("inputs that an analysis does not take are refused")
    func unwantedInputs() throws {
        let screen = try RelayScreen()
        let bench = Bench(screen, threads: 1, pieceBytes: 1 << 30)
        var order = try screen.order(0)
        order.inputs = [1, 2, 3]
        bench.fits.submit(order)
        bench.serve(until: 1)
        #expect(bench.failures[0]?.contains("3 bytes, not 0") == true)
    }

    @Test("more fits are in progress when the pieces have to be exchanged")
    func fitsAtOnce() {
        #expect(ControlPieces.fitsAtOnce(threads: 3, fitInMemory: true) == 3)
        #expect(ControlPieces.fitsAtOnce(threads: 3, fitInMemory: false) == 24)
    }
}

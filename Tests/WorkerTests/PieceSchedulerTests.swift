import Testing
import Worker

@Suite("Which piece of the control cells is next")
struct PieceSchedulerTests {
    /// Drives a scheduler the way the fits do and checks it after every step.
    private struct Bench {
        var scheduler: PieceScheduler
        let sizes: [ControlPiece: Int]
        let budget: Int
        var here: Set<ControlPiece> = []
        var coming: Set<ControlPiece> = []
        /// Pieces that each fit has not visited in its phase.
        var open: [UInt32: Set<ControlPiece>] = [:]
        var fetches = 0
        var faults: [String] = []

        init(sizes: [Int], budget: Int) {
            var named: [ControlPiece: Int] = [:]
            for (index, size) in sizes.enumerated() {
                // Both kinds of pieces share the budget.
                let piece = index % 3 == 2 ? ControlPiece.cells(index) : .tile(index)
                named[piece] = size
            }
            self.sizes = named
            self.budget = budget
            scheduler = PieceScheduler(sizes: named, budget: budget)
        }

        mutating func begin(_ fit: UInt32, _ pieces: Set<ControlPiece>) {
            open[fit] = pieces
            scheduler.begin(fit, pieces: pieces)
        }

        mutating func end(_ fit: UInt32) {
            open[fit] = nil
            scheduler.end(fit)
        }

        mutating func arrive(_ piece: ControlPiece) {
            coming.remove(piece)
            here.insert(piece)
            scheduler.arrived(piece)
        }

        mutating func exchange() {
            let (dropped, fetched) = scheduler.exchange()
            for piece in dropped {
                if here.remove(piece) == nil { faults.append("\(piece) is dropped, not here") }
                if open.values.contains(where: { $0.contains(piece) }) {
                    faults.append("\(piece) is dropped and needed")
                }
            }
            for piece in fetched {
                if here.contains(piece) || coming.contains(piece) {
                    faults.append("\(piece) is fetched twice")
                }
                if !open.values.contains(where: { $0.contains(piece) }) {
                    faults.append("\(piece) is fetched for nobody")
                }
                coming.insert(piece)
                fetches += 1
            }
            let held = here.union(coming)
            let bytes = held.reduce(0) { $0 + (sizes[$1] ?? 0) }
            if bytes != scheduler.residentBytes { faults.append("bytes are not counted") }
            if bytes > budget, held.count > 1 { faults.append("\(bytes) bytes, not \(budget)") }
            let isNeeded = open.values.contains { !$0.isEmpty }
            if isNeeded, coming.isEmpty,
                here.allSatisfy({ piece in
                    !open.values.contains { $0.contains(piece) }
                })
            {
                faults.append("nothing is here, nothing comes, and somebody waits")
            }
        }

        /// Does what the scheduler says; the fit whose phase is over, if one is.
        mutating func step() -> UInt32? {
            switch scheduler.next() {
            case .visit(let piece, let fits):
                if !here.contains(piece) { faults.append("\(piece) is visited, not here") }
                let needing = open.filter { $0.value.contains(piece) }.keys.sorted()
                if fits != needing { faults.append("\(fits) visit \(piece), not \(needing)") }
                for fit in fits { open[fit]?.remove(piece) }
                scheduler.visited(piece, by: fits)
                return nil
            case .endPhase(let fit):
                if open[fit] != [] { faults.append("a phase ends early") }
                return fit
            case .wait:
                if here.contains(where: { piece in open.values.contains { $0.contains(piece) } })
                    || open.values.contains([])
                {
                    faults.append("it waits although something can be done")
                }
                return nil
            }
        }
    }

    @Test(
        "every fit visits every piece once, whatever fits the memory",
        arguments: [
            ([10, 10, 10], 1000), ([10, 10, 10], 25), ([10, 10, 10], 10), ([10, 10, 10], 1),
            ([5, 90, 5, 5], 20), ([90, 90], 20), ([7], 7), ([0, 0, 3], 0),
            ([1, 2, 3, 4, 5, 6, 7, 8], 9),
        ]
    )
    func rounds(sizes: [Int], budget: Int) {
        var bench = Bench(sizes: sizes, budget: budget)
        let all = Set(bench.sizes.keys)
        for fit in 0..<3 as Range<UInt32> { bench.begin(fit, all) }
        var ended: [UInt32] = []
        for _ in 0..<1000 where ended.count < 3 {
            bench.exchange()
            if let fit = bench.step() {
                ended.append(fit)
                bench.end(fit)
            }
            bench.exchange()
            if let piece = bench.coming.min() { bench.arrive(piece) }
        }
        #expect(ended.sorted() == [0, 1, 2])
        #expect(bench.faults == [])
        #expect(bench.fetches == sizes.count, "the three go round together")
        #expect(bench.scheduler.fitCount == 0)
    }

    @Test("with enough memory no piece is fetched twice, however many phases there are")
    func kept() {
        var bench = Bench(sizes: [10, 20, 30], budget: 60)
        for fit in 0..<20 as Range<UInt32> {
            bench.begin(fit, Set(bench.sizes.keys))
            var isOver = false
            for _ in 0..<100 where !isOver {
                bench.exchange()
                for piece in bench.coming { bench.arrive(piece) }
                isOver = bench.step() != nil
            }
            #expect(isOver)
            bench.end(fit)
        }
        #expect(bench.fetches == 3)
        #expect(bench.faults == [])
    }

    @Test("with room for one piece each round fetches all of them but the one that is here")
    func exchanged() {
        var bench = Bench(sizes: [10, 10, 10, 10], budget: 10)
        for fit in 0..<5 as Range<UInt32> {
            bench.begin(fit, Set(bench.sizes.keys))
            var isOver = false
            for _ in 0..<100 where !isOver {
                bench.exchange()
                for piece in bench.coming { bench.arrive(piece) }
                isOver = bench.step() != nil
            }
            bench.end(fit)
        }
        #expect(bench.fetches == 4 + 4 * 3)
        #expect(bench.faults == [])
    }

    @Test("a fit that joins in the middle of a round begins with the piece that is here")
    func joins() {
        var bench = Bench(sizes: [10, 10], budget: 10)
        bench.begin(0, [.tile(0), .tile(1)])
        bench.exchange()
        bench.arrive(.tile(0))
        #expect(bench.scheduler.next() == .visit(.tile(0), fits: [0]))
        bench.begin(1, [.tile(0), .tile(1)])
        #expect(bench.scheduler.next() == .visit(.tile(0), fits: [0, 1]))
        _ = bench.step()
        bench.begin(2, [.tile(0), .tile(1)])
        #expect(bench.scheduler.next() == .visit(.tile(0), fits: [2]))
        _ = bench.step()
        bench.exchange()
        #expect(bench.coming == [.tile(1)])
        bench.arrive(.tile(1))
        #expect(bench.scheduler.next() == .visit(.tile(1), fits: [0, 1, 2]))
        #expect(bench.faults == [])
    }

    @Test("the piece that most fits need comes first, the one unused for longest goes first")
    func order() {
        var bench = Bench(sizes: [10, 10, 10, 10], budget: 20)
        let (a, b, c, d) = (
            ControlPiece.tile(0), ControlPiece.tile(1), ControlPiece.cells(2), ControlPiece.tile(3)
        )
        bench.begin(0, [a])
        bench.begin(1, [b])
        bench.exchange()
        #expect(bench.coming == [a, b])
        bench.arrive(b)
        bench.arrive(a)
        // Visited in this order, b is the one used last.
        _ = bench.step()
        _ = bench.step()
        bench.end(0)
        bench.end(1)
        bench.begin(2, [c])
        bench.begin(3, [c, d])
        bench.exchange()
        #expect(bench.coming == [c, d] && bench.here == [])
        bench.begin(4, [d])
        bench.begin(5, [d])
        bench.arrive(c)
        bench.arrive(d)
        #expect(bench.scheduler.next() == .visit(d, fits: [3, 4, 5]))
        _ = bench.step()
        for fit in [4, 5] as [UInt32] { bench.end(fit) }
        _ = bench.step()
        for fit in [2, 3] as [UInt32] { bench.end(fit) }
        bench.begin(6, [a])
        bench.exchange()
        #expect(bench.here == [c], "d was visited before c")
        #expect(bench.faults == [])
    }

    @Test("a phase that needs no piece ends at once, and a fit that failed is waited for by nobody")
    func none() {
        var bench = Bench(sizes: [10], budget: 10)
        bench.begin(0, [])
        #expect(bench.scheduler.next() == .endPhase(0))
        bench.end(0)
        bench.begin(1, [.tile(0)])
        bench.exchange()
        bench.end(1)
        bench.arrive(.tile(0))
        #expect(bench.scheduler.next() == .wait)
        #expect(bench.faults == [])
    }

    @Test("whatever comes in whatever order, every phase ends", arguments: 0..<200 as Range<UInt64>)
    func randomSchedules(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let sizes = (0..<Int.random(in: 1...9, using: &random)).map { _ in
            Int.random(in: 0...100, using: &random)
        }
        var bench = Bench(sizes: sizes, budget: Int.random(in: 0...300, using: &random))
        let all = bench.sizes.keys.sorted()
        var toBegin = Array(0..<UInt32.random(in: 1...12, using: &random))
        var phases: [UInt32: Int] = [:]
        var finished = 0
        let expected = toBegin.count
        for _ in 0..<20_000 where finished < expected {
            if !toBegin.isEmpty, Bool.random(using: &random) {
                let fit = toBegin.removeLast()
                phases[fit] = Int.random(in: 1...4, using: &random)
                bench.begin(fit, Set(all.filter { _ in Bool.random(using: &random) }))
            }
            if Int.random(in: 0..<3, using: &random) > 0,
                let piece = bench.coming.sorted().randomElement(using: &random)
            {
                bench.arrive(piece)
            }
            bench.exchange()
            if let fit = bench.step() {
                bench.end(fit)
                phases[fit, default: 0] -= 1
                if phases[fit] == 0 {
                    finished += 1
                } else {
                    bench.begin(fit, Set(all.filter { _ in Bool.random(using: &random) }))
                }
            }
            bench.exchange()
        }
        #expect(finished == expected)
        #expect(bench.faults == [])
    }

    @Test("pieces are named as the coordinator serves them")
    func names() {
        for piece in [ControlPiece.tile(0), .tile(63), .cells(0), .cells(1_000_000)] {
            #expect(ControlPiece(resource: piece.resource) == piece)
        }
        #expect(ControlPiece.tile(7).resource == "control-tile/7")
        #expect(ControlPiece.cells(8).resource == "control-cells/8")
        for name in [
            "", "control-tile", "control-tile/", "control-tile/x", "control-tile/1/2", "block/1",
        ] {
            #expect(ControlPiece(resource: name) == nil, "\(name)")
        }
    }
}

import ComputeThreads
import DifferentialExpression
import Scheduling
import Transport
import WireProtocol

/// What a session fits with, and where fits run.
extension SessionRunner {
    /// Makes the fits once the common resources are there; false when they are useless.
    func prepareFits() -> Bool {
        guard fitting == nil, let terms else { return true }
        var resources: [String: [UInt8]] = [:]
        for name in terms.resources {
            guard let bytes = fetcher.bytes(name) else { return true }
            resources[name] = bytes
        }
        let factory = FitFactory(
            terms: terms,
            limits: FitLimits(
                threads: Int(hello.threads),
                memoryBytes: Int(clamping: hello.memoryBytes / 2)
            ),
            resources: resources
        )
        do throws(WorkerFailure) {
            pieces = ControlPieces(
                bytes: resources["control-pieces"] ?? [],
                geneCount: terms.geneCount
            )
            let fitting = try factory.make(delegate: delegate)
            self.fitting = fitting
            for name in terms.resources { fetcher.release(name) }
            if case .together(_, let atOnce) = fitting { tell(.mayFitAtOnce(atOnce)) }
            return true
        } catch {
            send(.goodbye(reason: "\(error)"))
            exit = .refused("\(error)")
            return false
        }
    }

    private var delegate: ControlledFitsDelegate {
        let mailbox = mailbox
        let generation = generation
        return ControlledFitsDelegate(
            fetch: { mailbox.post(.wants($0)) },
            ended: { perturbation, outcome in
                switch outcome {
                case .success(let row): mailbox.post(.fitted(generation, perturbation, row))
                case .failure(let failure):
                    mailbox.post(.threw(generation, perturbation, "\(failure)"))
                }
            },
            damaged: { mailbox.post(.damaged($0)) }
        )
    }

    func start(_ perturbation: UInt32, block name: String) {
        guard let fitting, let block = fetcher.bytes(name), let digest = digests[name] else {
            tell(.fitThrew(PerturbationIndex(perturbation), reason: "block \(name) is not here"))
            return
        }
        fetcher.release(name)
        let inputBytes = terms?.inputBytes ?? 0
        guard
            let order = FitOrder(
                perturbation: perturbation,
                bytes: block,
                digest: digest,
                inputBytes: inputBytes
            )
        else {
            tell(.fitThrew(PerturbationIndex(perturbation), reason: "its inputs came damaged"))
            return
        }
        pulse.began(perturbation)
        // A process that dies without having said what it was fitting cannot be told from an
        // innocent one, so the announcement leaves first.
        switch fitting {
        case .together(let fits, _):
            if let link { flush(link, milliseconds: 20) }
            fits.submit(order)
        case .alone(let fits):
            startAlone(order, fits)
        }
    }

    private func startAlone(_ order: FitOrder, _ fits: LoneFits) {
        let mailbox = mailbox
        let link = link
        let memory = memory
        let generation = generation
        threads.submit {
            if let link { flush(link, milliseconds: 20) }
            let need = LoneFits.memoryNeeded(blockBytes: order.block.count)
            memory.enter(need)
            defer { memory.leave(need) }
            do throws(WorkerFailure) {
                try FitFailPoint.pass(order.perturbation)
                mailbox.post(.fitted(generation, order.perturbation, try fits.fit(order)))
            } catch {
                mailbox.post(.threw(generation, order.perturbation, "\(error)"))
            }
        }
    }
}
